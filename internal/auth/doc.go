// Package auth knows keys, roles and rates, and nothing of HTTP, stores or clocks:
// whoever asks brings the time.
//
// A key is 256 random bits, so its SHA-256 can be stored as it is: there is nothing to
// guess that a slow hash would protect. A key is found by its prefix, which is no
// secret, and compared by its hash in constant time.
package auth
