from hypothesis import settings

# No deadline: an example may be slow on a busy machine. Benchmarks measure time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
