package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"testing"

	"contralens/data/datatest"
	"contralens/features/table"
)

// An encoder that was trained on stretched 16-bit gray gets such images in every later
// command too. With other images its features would mean nothing.
func TestGray16FromTheRecord(t *testing.T) {
	t.Chdir(t.TempDir())
	for i := range 8 {
		m := image.NewGray16(image.Rect(0, 0, 20, 20))
		for p := range 400 {
			m.SetGray16(p%20, p/20, color.Gray16{Y: uint16(3000 + 40*p*(i+1)%9000)})
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		datatest.Put(t, "scans", fmt.Sprint(i, ".png"), b.Bytes())
	}
	must(t, small("scans", "--epochs", "1", "--gray16", "range", "--name", "stretched")...)
	rows := map[string][]float32{}
	for name, options := range map[string][]string{"record": nil, "option": {"--gray16", "clip"}} {
		must(t, append([]string{"features", "scans", "--ckpt", "save/stretched/current.pth", "-o", name + ".parquet"}, options...)...)
		meta, err := table.Each(name+".parquet", func(r table.Row) error {
			rows[name] = append(rows[name], r.Feature...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]string{"record": "range"}[name]; meta["gray16"] != want {
			t.Errorf("%s: the file says %q, want %q", name, meta["gray16"], want)
		}
	}
	different := func(all []float32) bool { // whether the first two images have other features
		n := len(all) / 8
		for i := range n {
			if all[i] != all[n+i] {
				return true
			}
		}
		return false
	}
	if !different(rows["record"]) || different(rows["option"]) {
		t.Error("want features of stretched images, and with the option of white ones")
	}
}
