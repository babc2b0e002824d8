"""A project that turns kedrod's hook off."""
