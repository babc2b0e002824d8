package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kedrod/kedrod/internal/fault"
)

const (
	connectTimeout = 5 * time.Second
	maxConns       = 10 // unless the URL says pool_max_conns

	// callTimeout bounds a call, waiting for a connection included. It is longer than
	// the server's own bounds, so that those speak first while the server can be reached.
	callTimeout = 20 * time.Second
)

// session gives the settings of each connection; what the URL names of them stands.
func session() map[string]string {
	return map[string]string{
		"application_name":                    "kedrod",
		"statement_timeout":                   "15s",
		"lock_timeout":                        "5s",
		"idle_in_transaction_session_timeout": "10s",
		"default_transaction_isolation":       "read committed",     // claims count anew after they got a lock
		"jit":                                 "off",                // compiling costs more than our statements
		"enable_seqscan":                      "off",                // each has its index, also while tables are too young for statistics
		"enable_bitmapscan":                   "off",                // an index gives rows in order, a bitmap all of them first; and a plan made for an empty table stays for a while
		"plan_cache_mode":                     "force_generic_plan", // values change nothing of a plan; making one for each call costs more than running it
	}
}

// poolConfig reads the URL. Its error never repeats it: there may be a password in it.
func poolConfig(url string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fault.InvalidField("database_url", "is not understood: it looks like postgres://user@host:5432/database?sslmode=verify-full")
	}
	if cfg.ConnConfig.Config.ConnectTimeout == 0 {
		cfg.ConnConfig.Config.ConnectTimeout = connectTimeout
	}
	if cfg.ConnConfig.ValidateConnect == nil { // of several hosts, the one that takes writes
		cfg.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	for name, value := range session() {
		if _, given := cfg.ConnConfig.RuntimeParams[name]; !given {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	if !namesPoolSize(url) {
		cfg.MaxConns = maxConns
	}
	cfg.AfterConnect = durable
	return cfg, nil
}

// forRenewals is the configuration of the connections by which leases are renewed: two, as
// one may hang, and quick to give up.
func forRenewals(cfg *pgxpool.Config) *pgxpool.Config {
	cfg = cfg.Copy()
	cfg.MinConns, cfg.MaxConns = 0, 2
	cfg.ConnConfig.ConnectTimeout = 2 * time.Second
	cfg.ConnConfig.RuntimeParams["lock_timeout"] = "1s"
	cfg.ConnConfig.RuntimeParams["statement_timeout"] = "2s"
	return cfg
}

// durable holds a connection to invariant 1: a commit that was answered is on disk. It
// leaves alone what is stricter than `on`.
func durable(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`)
	return err
}

// unhurried is a connection's configuration for what may take long.
func unhurried(cfg *pgx.ConnConfig) *pgx.ConnConfig {
	cfg = cfg.Copy()
	for _, name := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		cfg.RuntimeParams[name] = "0"
	}
	return cfg
}
