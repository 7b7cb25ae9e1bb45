"""What people read: pages, figures, tables, model card. Data in, HTML, text or a figure out.

Nothing is computed here that a decision rests on, and no file is written.
"""
