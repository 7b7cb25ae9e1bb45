"""The runner ``dask`` (extra ``dask``): units, or one fit by all workers, on an existing Dask cluster."""
