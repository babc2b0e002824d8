package kedro

import "time"

var fixedTime = time.Date(2026, 11, 25, 1, 20, 16, 0, time.UTC)
