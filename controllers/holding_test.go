package controllers

import (
	"fmt"
	"reflect"
	"time"
)

// holding is what the process remembers of objects.
type holding struct {
	entries, bytes int
	byField        map[string]int
}

// held counts what the reconciler's own fields hold, whatever they are called, so that this
// test also sees what is added later, also behind an interface. What stands for the cluster in
// this test does not count.
func (c *tenant) held() holding {
	h := holding{byField: map[string]int{}}
	seen := map[uintptr]bool{}
	h.count(reflect.ValueOf(c.r), "reconciler", seen)
	return h
}

func (h *holding) count(v reflect.Value, field string, seen map[uintptr]bool) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && !seen[v.Pointer()] {
			seen[v.Pointer()] = true
			h.count(v.Elem(), field, seen)
		}
	case reflect.Interface:
		if !v.IsNil() && v.Elem().Type() != reflect.TypeFor[*memoryStore]() {
			h.count(v.Elem(), field, seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			h.count(v.Field(i), v.Type().String()+"."+v.Type().Field(i).Name, seen)
		}
	case reflect.Map:
		h.add(field, v.Len())
		for entries := v.MapRange(); entries.Next(); {
			h.count(entries.Key(), field, seen)
			h.count(entries.Value(), field, seen)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			h.bytes += v.Len()
			return
		}
		h.add(field, v.Len())
		for i := range v.Len() {
			h.count(v.Index(i), field, seen)
		}
	case reflect.String:
		h.bytes += v.Len()
	default: // numbers, channels and functions
	}
}

func (h *holding) add(field string, n int) {
	h.entries += n
	h.byField[field] += n
}

// largest names the fields that hold the most.
func (h *holding) largest() (text string) {
	for field, n := range h.byField {
		if n > 20 {
			text += fmt.Sprintf("%s: %d\n", field, n)
		}
	}
	return text
}
