// One line of a script: what it does, and its result in words.

package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"greenroom"
)

// turn is what a script has to do with.
type turn struct {
	ctx         *greenroom.Context
	contentType string
	remembered  *string
}

var levels = map[string]slog.Level{
	"trace": slog.LevelDebug - 4, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn,
	"error": slog.LevelError,
}

// perform does what the line says. An error ends the turn.
func (t turn) perform(line string) (string, error) {
	name, rest, _ := strings.Cut(line, " ")
	words := &words{rest: rest}
	result, err := t.command(name, words)
	return result, errors.Join(err, words.wrong)
}

func (t turn) command(name string, words *words) (string, error) {
	switch name {
	case "set", "set-hex", "fill", "append", "get", "get-hex", "size", "delete", "keys":
		return t.state(name, words), nil
	case "call", "send", "remind", "cancel-reminder", "reminders", "timer", "cancel-timer":
		return t.messages(name, words), nil
	case "fail", "fail-until", "trap", "spin", "bomb":
		return t.end(name, words)
	case "remember":
		*t.remembered = words.rest
		return "ok", nil
	case "recall":
		return "value " + *t.remembered, nil
	case "me":
		return t.ctx.Me().Type + " " + t.ctx.Me().ID, nil
	case "message":
		return t.message(words.next()), nil
	case "now":
		return strconv.FormatUint(uint64(t.ctx.Now()), 10), nil
	case "random":
		return hex.EncodeToString(t.ctx.Random(int(words.number()))), nil
	case "log":
		level := levels[words.next()]
		t.ctx.Log().Log(context.Background(), level, words.rest)
		return "ok", nil
	case "print":
		fmt.Println(words.rest)
		return "ok", nil
	default:
		return "", greenroom.InvalidArgument("no command %s", name)
	}
}

func (t turn) state(name string, words *words) string {
	state := t.ctx.State()
	key := words.next()
	stored, found := []byte(nil), false
	if name != "keys" {
		stored, found = state.GetBytes(key)
	}
	switch name {
	case "set":
		return done(state.SetBytes(key, []byte(words.rest)))
	case "set-hex":
		value, err := hex.DecodeString(words.next())
		words.wrong = err
		return done(state.SetBytes(key, value))
	case "fill":
		return done(state.SetBytes(key, bytes.Repeat([]byte("x"), int(words.number()))))
	case "append":
		if len(stored) > 0 {
			stored = append(stored, ',')
		}
		stored = append(stored, words.rest...)
		if limited := done(state.SetBytes(key, stored)); limited != "ok" {
			return limited
		}
		return string(stored)
	case "delete":
		return strconv.FormatBool(state.Delete(key))
	case "keys":
		return strings.Join(state.KeysAfter(key, words.next(), int(words.number())), " ")
	}
	switch {
	case !found:
		return "none"
	case name == "get":
		return "value " + string(stored)
	case name == "get-hex":
		return "value " + hex.EncodeToString(stored)
	default:
		return strconv.Itoa(len(stored))
	}
}

func (t turn) messages(name string, words *words) string {
	switch name {
	case "call":
		var reply greenroom.Payload
		if err := words.actor(t.ctx).Call(words.next(), words.text(), &reply); err != nil {
			return described(err)
		}
		return "reply " + string(reply.Body)
	case "send":
		delay := words.milliseconds()
		return done(words.actor(t.ctx).SendAfter(delay, words.next(), words.text()))
	case "remind":
		return done(t.ctx.Reminders().Set(words.next(), words.schedule(), words.next(), words.text()))
	case "timer":
		return done(t.ctx.Timers().Set(words.next(), words.schedule(), words.next(), words.text()))
	case "cancel-reminder":
		return strconv.FormatBool(t.ctx.Reminders().Cancel(words.next()))
	case "cancel-timer":
		return strconv.FormatBool(t.ctx.Timers().Cancel(words.next()))
	default:
		var listed []string
		for _, it := range t.ctx.Reminders().List() {
			listed = append(listed, fmt.Sprintf("%s %s %d %d %s %s", it.Name, it.Method,
				it.DueIn.Milliseconds(), it.Schedule.Delay.Milliseconds(),
				orNone(uint64(it.Schedule.Period/time.Millisecond)), orNone(uint64(it.Schedule.Repetitions))))
		}
		return strings.Join(listed, "; ")
	}
}

func (t turn) end(name string, words *words) (string, error) {
	switch name {
	case "fail":
		return "", &greenroom.Failure{Code: greenroom.Code(words.next()), Message: words.rest}
	case "fail-until":
		if uint64(t.ctx.Message().Attempt) < words.number() {
			return "", greenroom.FailedPrecondition("too early")
		}
		return "ok", nil
	case "trap":
		panic("asked to trap")
	case "spin":
		for {
		}
	default:
		for taken := [][]byte{}; ; {
			taken = append(taken, bytes.Repeat([]byte{1}, 1<<20))
		}
	}
}

func (t turn) message(key string) string {
	it := t.ctx.Message()
	contentType, _, _ := strings.Cut(t.contentType, ";")
	text := fmt.Sprintf("%s %s %d %s %s", it.ID, it.Method, it.Attempt, contentType, sender(it.Origin))
	if key != "" {
		if limited := done(t.ctx.State().SetBytes(key, []byte(text))); limited != "ok" {
			return limited
		}
	}
	return text
}

func sender(origin greenroom.Origin) string {
	if origin.Kind == greenroom.FromActor {
		return "actor " + origin.Actor.Type + " " + origin.Actor.ID
	}
	return origin.String()
}

// done is `ok`, or the limit that was met.
func done(err error) string {
	if err == nil {
		return "ok"
	}
	return "limit " + greenroom.FailureOf(err).Message
}

func described(err error) string {
	var failed *greenroom.CallError
	if !errors.As(err, &failed) {
		return err.Error()
	}
	if failed.Failure != nil {
		return fmt.Sprintf("failed %s %s", failed.Failure.Code, failed.Failure.Message)
	}
	if failed.Detail != "" {
		return fmt.Sprintf("%s %s", failed.Kind, failed.Detail)
	}
	return string(failed.Kind)
}

func orNone(number uint64) string {
	if number == 0 {
		return "-"
	}
	return strconv.FormatUint(number, 10)
}
