"""Settings of all tests."""

from hypothesis import settings

# A property holds or does not, however long a busy machine takes over an example.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
