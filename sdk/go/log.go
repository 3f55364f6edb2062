// The standard library's log/slog, written to the actor's log: the host adds the time and the address.

package greenroom

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
)

// logHandler writes `message key=value group.key="a value"`.
type logHandler struct {
	// host is asked for at each line, so that a logger does not outlive its turn.
	host       func() Host
	attributes string
	groups     string
}

// Enabled is always true: the host decides what is kept.
func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle writes one line.
func (h *logHandler) Handle(_ context.Context, record slog.Record) error {
	var line strings.Builder
	line.WriteString(record.Message)
	line.WriteString(h.attributes)
	record.Attrs(func(attribute slog.Attr) bool {
		appendAttribute(&line, h.groups, attribute)
		return true
	})
	h.host().Log(levelOf(record.Level), line.String())
	return nil
}

// WithAttrs adds attributes to every line.
func (h *logHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	var added strings.Builder
	for _, attribute := range attributes {
		appendAttribute(&added, h.groups, attribute)
	}
	return &logHandler{h.host, h.attributes + added.String(), h.groups}
}

// WithGroup puts a group's name before the attributes that follow.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &logHandler{h.host, h.attributes, h.groups + name + "."}
}

func appendAttribute(line *strings.Builder, groups string, attribute slog.Attr) {
	value := attribute.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if attribute.Key != "" {
			groups += attribute.Key + "."
		}
		for _, inner := range value.Group() {
			appendAttribute(line, groups, inner)
		}
		return
	}
	if attribute.Equal(slog.Attr{}) {
		return
	}
	text := value.String()
	if text == "" || strings.ContainsAny(text, " \t\r\n\"=") {
		text = strconv.Quote(text)
	}
	line.WriteString(" " + groups + attribute.Key + "=" + text)
}

func levelOf(level slog.Level) Level {
	switch {
	case level >= slog.LevelError:
		return LevelError
	case level >= slog.LevelWarn:
		return LevelWarn
	case level >= slog.LevelInfo:
		return LevelInfo
	case level >= slog.LevelDebug:
		return LevelDebug
	default:
		return LevelTrace
	}
}
