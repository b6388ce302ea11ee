from hypothesis import settings

# How long an example takes is the machine's affair: time is measured in benchmarks.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
