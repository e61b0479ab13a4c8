"""A Django project as a provider: the app with the management command ``seedbed_provider``.

Add ``seedbed.django`` to ``INSTALLED_APPS``, and name ``python manage.py seedbed_provider`` in a file of data types.
"""
