"""Transfer by warm start: boosting that begins on other rows and continues on the training rows (Pan & Yang 2010).

Optional: nothing here is imported unless a problem names ``lightgbm_continued``, apart from its registration in
``evenhand.models.families``. Reading and writing the other data is in ``tasks.training.transfer_data``.
"""
