"""A project that imports in no time and can go wrong in every way a run can."""
