package httpapi

import "github.com/danielgtaylor/huma/v2"

// Document is the OpenAPI model, for tests that hold answers against it.
func Document() *huma.OpenAPI { return document("test") }
