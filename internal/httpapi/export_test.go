package httpapi

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/kedrod/kedrod/internal/fault"
)

// Document is the OpenAPI model, for tests that hold answers against it.
func Document() *huma.OpenAPI { return document("test") }

// StatusOf is statusOf, for tests.
func StatusOf(code fault.Code) int { return statusOf(code) }
