"""Only Kedro's own log lines tell how a run goes."""

DISABLE_HOOKS_FOR_PLUGINS = ("kedrod-hook",)
