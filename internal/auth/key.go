package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"math/big"
	"strings"
)

// A key is kdr_<prefix>_<secret>: letters and digits only, so that a double click
// selects it whole, in fixed lengths. 43 digits of base 62 hold 256 bits.
const (
	scheme       = "kdr_"
	PrefixLength = 8
	secretLength = 43
	keyLength    = len(scheme) + PrefixLength + 1 + secretLength
)

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Hash is the SHA-256 of a whole key, which is all that is kept of it.
type Hash [sha256.Size]byte

// Secret is a key in the clear. It prints as its prefix alone, so that no log or error
// can hold it by accident; Reveal gives the text.
type Secret struct{ text string }

// NewSecret makes a key of 256 random bits behind a random prefix.
func NewSecret() Secret {
	return Secret{scheme + random(48, PrefixLength) + "_" + random(256, secretLength)}
}

// random writes so many random bits in so many digits, the highest cut where they do
// not fit: 48 bits are a little more than 8 digits hold.
func random(bits, length int) string {
	b := make([]byte, bits/8)
	_, _ = rand.Read(b) // it never fails: crypto/rand ends the program instead
	n, base, digit := new(big.Int).SetBytes(b), big.NewInt(int64(len(digits))), new(big.Int)
	text := make([]byte, length)
	for i := length - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		text[i] = digits[digit.Int64()]
	}
	return string(text)
}

// ParseSecret reads a key by its form. ok is false for anything else.
//
//kedrod:parser FuzzBearer
func ParseSecret(text string) (s Secret, ok bool) {
	if len(text) != keyLength || !strings.HasPrefix(text, scheme) || text[len(scheme)+PrefixLength] != '_' {
		return Secret{}, false
	}
	for i := len(scheme); i < len(text); i++ {
		if i != len(scheme)+PrefixLength && !isDigit(text[i]) {
			return Secret{}, false
		}
	}
	return Secret{text}, true
}

func isDigit(c byte) bool {
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
}

// Reveal gives the key itself, for the one answer that shows it.
func (s Secret) Reveal() string { return s.text }

// Prefix is the part that is no secret: it names the key to people and finds it.
func (s Secret) Prefix() string {
	if len(s.text) != keyLength {
		return ""
	}
	return s.text[len(scheme) : len(scheme)+PrefixLength]
}

// Hash is what is stored.
func (s Secret) Hash() Hash { return sha256.Sum256([]byte(s.text)) }

// String is the prefix.
func (s Secret) String() string { return scheme + s.Prefix() + "_…" }

// GoString is the prefix, too: %#v must not print the key.
func (s Secret) GoString() string { return s.String() }

// MarshalText refuses to write the key into JSON or a log.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Same compares in constant time.
func (h Hash) Same(other Hash) bool { return subtle.ConstantTimeCompare(h[:], other[:]) == 1 }
