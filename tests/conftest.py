"""What holds for every test. Properties are searched for counterexamples, never timed: machines are noisy."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
