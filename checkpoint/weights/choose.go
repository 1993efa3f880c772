package weights

import (
	"fmt"
	"slices"
	"strings"

	"contralens/internal/option"
)

// keyWords and queryWords are words in the names of the encoders of one training. A key
// encoder often has words of both, such as key_encoder beside query_encoder.
var (
	keyWords   = []string{"k", "key", "ema", "momentum", "teacher", "target", "shadow", "averaged", "swa", "mean"}
	queryWords = []string{"q", "query", "online", "student", "base", "main"}
)

// words returns the words in the place of a candidate.
func (c candidate) words() []string { return words(c.names.group.Path + "." + c.prefix) }

// isQuery reports whether the name suggests a query, online or student encoder.
func (c candidate) isQuery() bool {
	return slices.ContainsFunc(c.words(), func(w string) bool { return slices.Contains(queryWords, w) })
}

// isKey reports whether the name suggests a key, momentum or teacher encoder.
func (c candidate) isKey() bool {
	return slices.ContainsFunc(c.words(), func(w string) bool {
		return slices.Contains(keyWords, w) || strings.HasSuffix(w, "ema") || strings.HasPrefix(w, "ema") ||
			strings.Contains(w, "momentum") || strings.Contains(w, "teacher")
	})
}

// Encoder finds the encoder in the file: the query encoder, or the key encoder (momentum
// encoder, teacher) if key is set. If there is none, the error lists names of the file. If
// there are several and their names don't tell which one it is, the error is an
// *option.Error for prefix; EncoderAt takes one of them. Call it within torch.Run.
func (f *File) Encoder(key bool) (*Encoder, error) {
	all, found, err := f.find()
	if err != nil {
		return nil, err
	}
	var chosen []candidate
	for _, c := range found {
		if c.isKey() == key {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 && !key {
		chosen = found // a file with a key encoder alone
	}
	if len(chosen) == 0 {
		// The one beside a query encoder is the key encoder, whatever its name.
		rest := slices.DeleteFunc(slices.Clone(found), func(c candidate) bool { return c.isQuery() })
		if len(rest) != 1 || len(found) != 2 {
			return nil, fmt.Errorf("checkpoint %s: want a key encoder (model_ema, encoder_k, teacher), found only %s",
				f.Path, places(found))
		}
		chosen = rest
	}
	for _, narrow := range []func(candidate) bool{
		func(c candidate) bool { return f.encoder(c, all).whole() },
		func(c candidate) bool { return !key && c.isQuery() },
	} {
		if len(chosen) == 1 {
			break
		}
		if fewer := slices.DeleteFunc(slices.Clone(chosen), func(c candidate) bool { return !narrow(c) }); len(fewer) > 0 {
			chosen = fewer
		}
	}
	if len(chosen) > 1 {
		return nil, f.which(chosen, "")
	}
	return f.encoder(chosen[0], all), nil
}

// EncoderAt is Encoder for the encoder whose names in the file begin with prefix, which may
// begin with the path of their dictionary. With an empty prefix it is Encoder.
func (f *File) EncoderAt(prefix string, key bool) (*Encoder, error) {
	if prefix == "" {
		return f.Encoder(key)
	}
	all, _, err := f.find()
	if err != nil {
		return nil, err
	}
	clean := func(s string) string { return strings.Trim(strings.TrimSuffix(s, "*"), ". ") }
	asked := clean(strings.ReplaceAll(prefix, ": ", "."))
	var chosen []candidate
	for _, c := range all {
		path, own := c.names.group.Path, clean(c.original())
		if asked == clean(path+"."+own) || asked == own || asked == unwrap(own) || asked == clean(path+"."+unwrap(own)) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) != 1 {
		return nil, f.which(all, prefix)
	}
	return f.encoder(chosen[0], all), nil
}

// which returns the error that asks for one of several encoders.
func (f *File) which(found []candidate, got string) error {
	e := &option.Error{Name: "prefix", Want: fmt.Sprintf("one of the encoders in %s: %s", f.Path, places(found))}
	if got != "" {
		e.Got = fmt.Sprintf("%q", got)
	}
	return e
}

// places lists the places of candidates as values of prefix.
func places(found []candidate) string {
	var list []string
	for _, c := range found {
		list = append(list, strings.Trim(c.names.group.Path+"."+c.original(), "."))
	}
	for i, s := range list {
		if s == "" {
			list[i] = "." // the file itself
		}
	}
	return strings.Join(list, ", ")
}

// find returns all backbones of the file, and those among them that differ.
func (f *File) find() (all, different []candidate, err error) {
	net, err := f.recorded()
	if err != nil {
		return nil, nil, err
	}
	for _, g := range f.Groups() {
		n := namesOf(g)
		if net != nil {
			all = append(all, net.candidates(n)...)
		} else {
			all = append(all, n.candidates()...)
		}
	}
	if len(all) == 0 {
		return nil, nil, f.nothing(net)
	}
	for _, c := range all {
		if c.second(all) {
			continue
		}
		same := func(o candidate) bool { return c.isKey() == o.isKey() && c.equal(o) }
		if !slices.ContainsFunc(different, same) {
			different = append(different, c)
		}
	}
	return all, different, nil
}

// second reports whether a candidate is the second encoder of CMC, which is no encoder of
// its own.
func (c candidate) second(all []candidate) bool {
	return slices.ContainsFunc(all, func(o candidate) bool {
		p := o.pair(all)
		return p != nil && p.names == c.names && p.prefix == c.prefix
	})
}

// nothing is the error of a file without an encoder.
func (f *File) nothing(net *recorded) error {
	if net != nil {
		return fmt.Errorf("checkpoint %s: want the tensors of %s, the architecture in its record (%s, after any "+
			"prefix), but some are missing", f.Path, net.config.Arch, few(net.names))
	}
	var names []string
	for _, g := range f.Groups() {
		for _, i := range g.Tensors {
			names = append(names, strings.TrimPrefix(g.Path+"."+i.Key.(string), "."))
		}
	}
	passed := ""
	if foreign := f.Tree.Foreign(); len(foreign) > 0 {
		passed = "; not read, because it could run code: " + few(foreign)
	}
	return fmt.Errorf("checkpoint %s: want the tensors of a ResNet (conv1.weight, layer1.0.conv1.weight …, "+
		"after any prefix), found none of them among %s%s", f.Path, few(names), passed)
}

// encoder collects the tensors of a candidate.
func (f *File) encoder(c candidate, all []candidate) *Encoder {
	e := c.encoder(f.Path, all)
	if net, err := f.recorded(); err == nil && net != nil {
		e.recorded = &net.config
	}
	return e
}

// whole reports whether the encoder is complete, and one of our networks.
func (e *Encoder) whole() bool {
	_, err := e.Network()
	return err == nil
}
