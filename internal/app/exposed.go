package app

import (
	"context"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/fault"
)

// checkExposed refuses an address that others can reach while nothing asks them who
// they are. Once authentication is on it stays on, so this is asked at the start only.
func checkExposed(ctx context.Context, cfg config.Config, db jobStore) error {
	if !cfg.Exposed {
		return nil
	}
	a, err := db.Authentication(ctx)
	if err != nil {
		return err
	}
	if a.On {
		return nil
	}
	return fault.InvalidField("listen", "others can reach "+cfg.Listen+", and there is no key yet that they would have to know: make one with "+
		firstKey(cfg)+", then start again; or accept by --insecure-no-auth that whoever reaches it may do everything")
}

func firstKey(cfg config.Config) string {
	at := " --data-dir " + cfg.DataDir
	if shared(cfg) {
		at = " --database-url …"
	}
	return "kedrod keys create --name admin --role admin" + at
}

// listen tells what serve would ask for.
func (f *findings) listen(cfg config.Config) {
	if cfg.Exposed {
		f.add(levelWarning, "listen", "Others can reach "+cfg.Listen+": serve starts there only once there is a key.",
			"If there is none yet: "+firstKey(cfg))
	}
}
