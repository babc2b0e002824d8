package service

// Bounds that the API's document names.
const (
	MaxName           = maxName    // bytes of a name, and of user_id
	MaxIdempotencyKey = maxIdemKey // bytes
	MinIDPart         = minIDPart  // characters of an id's beginning or end
)
