package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// NewKey is what a key is to be.
type NewKey struct {
	Name      string   `json:"name" doc:"Tells in jobs and in the audit who called; unique among keys in force."`
	Role      string   `json:"role" doc:"viewer reads; runner also submits, cancels, retries; admin does all."`
	Projects  []string `json:"projects,omitempty" doc:"What it sees and touches; all projects unless given."`
	ExpiresAt *Time    `json:"expires_at,omitempty" doc:"From then on it is refused; never unless given."`
}

// Key is a key as it can be shown: never the key itself.
type Key struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Role      string   `json:"role" doc:"viewer, runner, admin."`
	Prefix    string   `json:"prefix" doc:"The part of the key that is no secret: kdr_PREFIX_…"`
	Projects  []string `json:"projects" doc:"Null: all."`
	CreatedAt Time     `json:"created_at"`
	CreatedBy *string  `json:"created_by"`
	ExpiresAt *Time    `json:"expires_at"`
	RevokedAt *Time    `json:"revoked_at"`
}

// CreatedKey is the one answer that holds a key itself.
type CreatedKey struct {
	Key
	Secret string `json:"key" doc:"To be sent as Authorization: Bearer KEY. It is shown here and never again."`
}

// AuditEntry says who changed something, or was refused.
type AuditEntry struct {
	ID         int64   `json:"id"`
	Time       Time    `json:"time"`
	Who        *string `json:"who" doc:"The key's name; null without a key."`
	KeyID      *string `json:"key_id"`
	Call       string  `json:"call" doc:"The operation's id, as in this document."`
	Target     *string `json:"target" doc:"What it was about: the id of a job or key, the name of a thing."`
	Outcome    string  `json:"outcome" doc:"done or refused."`
	Code       *string `json:"code" doc:"Of the refusal."`
	Address    string  `json:"address" doc:"Of the peer; behind a proxy, the proxy's."`
	RequestID  string  `json:"request_id"`
	Suppressed int     `json:"suppressed" doc:"Refusals before this one that were not kept, as there were too many."`
}

// CreateKey makes a key. A call that found no server was not done.
func (c *Client) CreateKey(ctx context.Context, n NewKey) (*CreatedKey, error) {
	body, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("the key can't be sent: %w", err)
	}
	k := new(CreatedKey)
	return k, c.get(ctx, call{method: http.MethodPost, path: api("keys"), body: body}, k)
}

// Keys gives all keys, newest first, those that were revoked included.
func (c *Client) Keys(ctx context.Context) ([]Key, error) {
	return items[Key](ctx, c, api("keys"), nil)
}

// RevokeKey ends a key by its id. It may be repeated.
func (c *Client) RevokeKey(ctx context.Context, id string) (*Key, error) {
	k := new(Key)
	return k, c.get(ctx, call{method: http.MethodDelete, path: api("keys", id)}, k)
}

// Audit gives one page of the audit, newest first. outcome is done, refused, or "" for
// both; limit 0 is the service's own; cursor is the page's before, "" for the first.
func (c *Client) Audit(ctx context.Context, outcome string, limit int, cursor string) (*Page[AuditEntry], error) {
	query := url.Values{}
	if outcome != "" {
		query.Set("outcome", outcome)
	}
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	page := new(Page[AuditEntry])
	return page, c.get(ctx, call{method: http.MethodGet, path: api("audit"), query: query}, page)
}
