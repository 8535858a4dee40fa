// Package factory takes the place of Jaeger's own, which makes every store; the query service needs this type of it.
package factory

import "github.com/jaegertracing/jaeger/internal/storage/v1/api/spanstore"

type ArchiveStorage struct {
	Reader spanstore.Reader
	Writer spanstore.Writer
}
