// Package jaegerstorage takes the place of Jaeger's own, which knows every store: this one has Jaeger's memory.
package jaegerstorage

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	storage "github.com/jaegertracing/jaeger/internal/storage/v1"
	settings "github.com/jaegertracing/jaeger/internal/storage/v1/memory"
	"github.com/jaegertracing/jaeger/internal/storage/v2/api/tracestore"
	"github.com/jaegertracing/jaeger/internal/storage/v2/memory"
	"github.com/jaegertracing/jaeger/internal/telemetry"
)

var kind = component.MustNewType("jaeger_storage")

// ID is what the query service waits for.
var ID = component.NewID(kind)

type config struct {
	Backends map[string]struct {
		Memory settings.Configuration `mapstructure:"memory"`
	} `mapstructure:"backends"`
}

type stores struct {
	config    *config
	telemetry component.TelemetrySettings
	byName    map[string]tracestore.Factory
}

// NewFactory makes the extension from its configuration.
func NewFactory() extension.Factory {
	create := func(_ context.Context, set extension.Settings, from component.Config) (extension.Extension, error) {
		return &stores{from.(*config), set.TelemetrySettings, map[string]tracestore.Factory{}}, nil
	}
	return extension.NewFactory(
		kind, func() component.Config { return &config{} }, create, component.StabilityLevelBeta)
}

func (s *stores) Start(_ context.Context, host component.Host) error {
	for name, backend := range s.config.Backends {
		store, err := memory.NewFactory(backend.Memory, telemetry.FromOtelComponent(s.telemetry, host))
		if err != nil {
			return err
		}
		s.byName[name] = store
	}
	return nil
}

func (*stores) Shutdown(context.Context) error { return nil }

// GetTraceStoreFactory returns the store of this name.
func GetTraceStoreFactory(name string, host component.Host) (tracestore.Factory, error) {
	for _, running := range host.GetExtensions() {
		if all, ok := running.(*stores); ok && all.byName[name] != nil {
			return all.byName[name], nil
		}
	}
	return nil, fmt.Errorf("no store %q", name)
}

// GetMetricStorageFactory is for a store of metrics, which the memory is not.
func GetMetricStorageFactory(name string, _ component.Host) (storage.MetricStoreFactory, error) {
	return nil, fmt.Errorf("no store of metrics, nor %q", name)
}
