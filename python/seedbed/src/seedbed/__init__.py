"""Development data through a project's own code.

``seedbed.provider`` speaks with the program ``seedbed``; ``seedbed.django`` is the Django app with the management command
``seedbed_provider``; ``seedbed.factory_boy`` makes data types of a project's factories; ``seedbed.pytest_plugin`` has fixtures.
"""

__version__ = "0.1.0"
