// Package deploy has examples of launchers; see docs/distributed.md.
package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// strict turns a schema of Kubernetes into one of JSON that refuses what Kubernetes would drop:
// fields it does not know.
func strict(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if s["x-kubernetes-int-or-string"] == true {
			s["type"] = []any{"integer", "string"}
		}
		_, properties := s["properties"].(map[string]any)
		_, more := s["additionalProperties"]
		if properties && !more && s["x-kubernetes-preserve-unknown-fields"] != true {
			s["additionalProperties"] = false
		}
		for _, v := range s {
			strict(v)
		}
	case []any:
		for _, v := range s {
			strict(v)
		}
	}
}

// schemas returns the schemas in testdata, by apiVersion and kind.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d schemas: %v", len(files), err)
	}
	all := map[string]*jsonschema.Schema{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var of struct{ Group, Version, Kind string }
		if err := json.Unmarshal(text, &of); err != nil {
			t.Fatal(err)
		}
		content, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		schema := content.(map[string]any)["schema"].(map[string]any)
		strict(schema)
		// A cluster checks metadata itself.
		schema["properties"].(map[string]any)["metadata"] = map[string]any{"type": "object", "required": []any{"name"}}
		c := jsonschema.NewCompiler()
		if err := c.AddResource(file, schema); err != nil {
			t.Fatal(err)
		}
		if all[of.Group+"/"+of.Version+" "+of.Kind], err = c.Compile(file); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// documents returns the documents of a file of YAML as JSON has them.
func documents(t *testing.T, text []byte) (all []any) {
	t.Helper()
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var document any
		switch err := d.Decode(&document); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		plain, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, value)
	}
}

// validate checks a document with the schema of its kind.
func validate(t *testing.T, schemas map[string]*jsonschema.Schema, document any) error {
	t.Helper()
	fields, _ := document.(map[string]any)
	version, _ := fields["apiVersion"].(string)
	kind, _ := fields["kind"].(string)
	schema := schemas[version+" "+kind]
	if schema == nil {
		t.Fatalf("no schema of %s %s", version, kind)
	}
	return schema.Validate(document)
}

// Every manifest is what the operators' definitions allow, with no field that they do not know.
func TestManifests(t *testing.T) {
	schemas := schemas(t)
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range documents(t, text) {
			if err := validate(t, schemas, document); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

// The schemas find a field that is misspelled, in the wrong place or of the wrong type.
func TestManifestsWithMistakes(t *testing.T) {
	schemas := schemas(t)
	for _, tc := range []struct{ file, from, to string }{
		{"trainjob.yaml", "numProcPerNode: 8", "numProcsPerNode: 8"},
		{"trainjob.yaml", "numNodes: 4", "numNodes: four"},
		{"trainjob.yaml", "failurePolicy: {maxRestarts: 10}", "maxRestarts: 10"},
		{"trainjob.yaml", "terminationGracePeriodSeconds: 120", "terminationGracePeriod: 120"},
		{"pytorchjob.yaml", `nprocPerNode: "8"`, "nprocPerNode: 8"},
		{"pytorchjob.yaml", "replicas: 3", "nodes: 3"},
		{"jobset.yaml", "completionMode: Indexed", "completionsMode: Indexed"},
		{"jobset.yaml", `{name: WORLD_SIZE, value: "4"}`, "{name: WORLD_SIZE, value: 4}"},
	} {
		text, err := os.ReadFile(tc.file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), tc.from) {
			t.Fatalf("%s has no %s", tc.file, tc.from)
		}
		var found error
		for _, document := range documents(t, []byte(strings.Replace(string(text), tc.from, tc.to, 1))) {
			found = errors.Join(found, validate(t, schemas, document))
		}
		if found == nil {
			t.Errorf("%s: %s is accepted", tc.file, tc.to)
		}
	}
}
