package checkpoint

import (
	"reflect"
	"testing"
)

type common struct {
	Version int               `key:"version"`
	Config  map[string]string `key:"config"`
}

type inner struct {
	Loss float64 `key:"loss"`
	Told bool    `key:"told"`
}

type outer struct {
	common
	Name   string   `key:"name"`
	Names  []string `key:"names"`
	Inner  inner    `key:"inner"`
	Beside int      // has no key
}

// Decode restores what Encode wrote. The keys are those of the tags, in order.
func TestEncodeDecode(t *testing.T) {
	want := outer{common{1, map[string]string{"b": "2", "a": "1"}}, "n", []string{"x", "y"}, inner{0.5, true}, 7}
	d := Encode(want)
	expected := Dict{
		{Key: "version", Value: 1}, {Key: "config", Value: Dict{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}},
		{Key: "name", Value: "n"}, {Key: "names", Value: []any{"x", "y"}},
		{Key: "inner", Value: Dict{{Key: "loss", Value: 0.5}, {Key: "told", Value: true}}},
	}
	if !reflect.DeepEqual(d, expected) {
		t.Errorf("got %v, want %v", d, expected)
	}
	var got outer
	d.Decode(&got)
	want.Beside = 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// In files of other programs, or older ones, keys may be missing and values may have other
// types.
func TestDecodeForeign(t *testing.T) {
	got := outer{Name: "before", Inner: inner{Loss: 3}}
	Dict{
		{Key: "version", Value: "one"}, {Key: "config", Value: OrderedDict{{Key: 3, Value: 0.25}}},
		{Key: "names", Value: []any{1}}, {Key: "inner", Value: 5}, {Key: "more", Value: nil},
	}.Decode(&got)
	want := outer{common: common{Config: map[string]string{"3": "0.25"}}, Names: []string{"1"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	Dict(nil).Decode(&got)
	if !reflect.DeepEqual(got, outer{common: common{Config: map[string]string{}}}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestDictReaders(t *testing.T) {
	x := &Tensor{Dtype: "float32"}
	d := Dict{{Key: "a", Value: OrderedDict{{Key: "n", Value: 4}}}, {Key: 0, Value: x}}
	if d.Dict("a").Int("n") != 4 || d.Tensor(0) != x || d.Dict(0) != nil || d.Int("a") != 0 || d.Tensor("b") != nil {
		t.Errorf("read %v, %v", d.Dict("a"), d.Tensor(0))
	}
}
