package httpapi

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
)

func keyOperations() []operation {
	limit := param{name: "limit", kind: integer, min: 1, max: service.MaxLimit, doc: fmt.Sprintf("Items of a page; %d unless given.", service.DefaultLimit)}
	cursor := param{name: "cursor", doc: "`next_cursor` of the page before."}
	return []operation{
		{
			method: http.MethodGet, path: "/api/v1/keys", id: "list-keys", tag: "keys", summary: "List the keys, newest first", right: service.Admin, whole: true,
			doc: "Those that were revoked included; never a key itself.", query: []param{limit, cursor},
			answers: []answer{{status: http.StatusOK, doc: "A page of keys.", body: client.Page[client.Key]{}}},
			serve:   (*api).keys,
		},
		{
			method: http.MethodPost, path: "/api/v1/keys", id: "create-key", tag: "keys", summary: "Create a key", right: service.Admin, whole: true,
			doc: "The answer holds the key itself, once. With the first key authentication is on, for good.", body: client.NewKey{},
			answers: []answer{{status: http.StatusCreated, doc: "The key.", body: client.CreatedKey{},
				headers: []header{{"Location", "Path of the key."}}}},
			refusals: []int{http.StatusConflict, http.StatusRequestEntityTooLarge},
			serve:    (*api).createKey,
		},
		{
			method: http.MethodDelete, path: "/api/v1/keys/{id}", id: "revoke-key", tag: "keys", summary: "Revoke a key", right: service.Admin, whole: true,
			doc:      "It acts at once, on open streams too. May be repeated. Authentication stays on when the last key goes.",
			answers:  []answer{{status: http.StatusOK, doc: "The key, revoked.", body: client.Key{}}},
			refusals: []int{http.StatusNotFound, http.StatusRequestEntityTooLarge},
			serve:    (*api).revokeKey,
		},
		{
			method: http.MethodGet, path: "/api/v1/audit", id: "list-audit", tag: "keys", summary: "Who changed what, and who was refused, newest first",
			right: service.Admin, whole: true,
			query:   []param{{name: "outcome", kind: word, words: []string{store.AuditDone, store.AuditRefused}, doc: "Only these."}, limit, cursor},
			answers: []answer{{status: http.StatusOK, doc: "A page of entries.", body: client.Page[client.AuditEntry]{}}},
			serve:   (*api).audit,
		},
	}
}

func (a *api) keys(c *call) error {
	page, err := a.service.Keys(c.ctx(), c.caller, c.query.integer("limit"), c.query.text("cursor"))
	if err != nil {
		return queryFault(err)
	}
	return c.answer(http.StatusOK, client.Page[client.Key]{Items: each(page.Keys, wireKey), NextCursor: given(page.Next)})
}

func (a *api) createKey(c *call) error {
	body, err := a.body(c)
	if err != nil {
		return err
	}
	members, err := readObject(body)
	if err != nil {
		return err
	}
	n, err := readNewKey(members, a.o.IgnoreUnknownFields)
	if err != nil {
		return err
	}
	k, secret, err := a.service.CreateKey(c.ctx(), c.caller, n)
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", "/api/v1/keys/"+url.PathEscape(k.ID))
	return c.answer(http.StatusCreated, client.CreatedKey{Key: wireKey(&k), Secret: secret.Reveal()})
}

//kedrod:parser FuzzBodies
func readNewKey(members []member, ignoreUnknown bool) (service.NewKey, error) {
	var n service.NewKey
	var f refusals
	for _, m := range members {
		d := decoder{refusals: &f, member: m}
		switch {
		case m.null():
		case m.name == "name":
			n.Name, _ = d.text()
		case m.name == "role":
			n.Role, _ = d.text()
		case m.name == "projects":
			// An empty list is a limit to nothing, which nobody means: it must not open every project.
			if n.Projects = d.texts(); n.Projects != nil && len(n.Projects) == 0 {
				d.must("a list of projects, or be left out for all of them")
			}
		case m.name == "expires_at":
			n.Expires = d.moment()
		case !ignoreUnknown:
			f.unknown("", m.name, []string{"name", "role", "projects", "expires_at"})
		}
	}
	return n, f.err()
}

func (a *api) revokeKey(c *call) error {
	if err := a.noBody(c); err != nil {
		return err
	}
	k, err := a.service.RevokeKey(c.ctx(), c.caller, c.id())
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wireKey(&k))
}

func wireKey(k *store.Key) client.Key {
	return client.Key{
		ID: k.ID, Name: k.Name, Role: k.Role, Prefix: k.Prefix, Projects: k.Projects, CreatedAt: client.Time{Time: k.CreatedAt},
		CreatedBy: k.CreatedBy, ExpiresAt: wireTime(k.ExpiresAt), RevokedAt: wireTime(k.RevokedAt),
	}
}

func (a *api) audit(c *call) error {
	page, err := a.service.Audit(c.ctx(), c.caller, store.AuditFilter{
		Outcome: c.query.text("outcome"), Limit: c.query.integer("limit"), Cursor: c.query.text("cursor"),
	})
	if err != nil {
		return queryFault(err)
	}
	return c.answer(http.StatusOK, client.Page[client.AuditEntry]{Items: each(page.Entries, wireAudit), NextCursor: given(page.Next)})
}

func wireAudit(e *store.AuditEntry) client.AuditEntry {
	return client.AuditEntry{
		ID: e.Seq, Time: client.Time{Time: e.At}, Who: e.Who, KeyID: e.KeyID, Call: e.Call, Target: given(e.Target), Outcome: e.Outcome,
		Code: given(e.Code), Address: e.Address, RequestID: e.RequestID, Suppressed: e.Suppressed,
	}
}
