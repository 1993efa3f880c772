package train

import (
	"path/filepath"
	"slices"
	"testing"

	"contralens/checkpoint"
	"contralens/contrast"
	"contralens/methods"
	"contralens/nn"
	"contralens/statedict"
	"contralens/torch"
)

// Origins of a memory's rows survive a checkpoint, in every branch. A checkpoint that has none, as older ones,
// leaves them unknown; one for another queue is refused.
func TestOriginsInCheckpoints(t *testing.T) {
	err := torch.Run(func() error {
		for _, memory := range []string{"moco", "bank"} {
			made := func(images int) *methods.Model {
				m, err := methods.NewModel(methods.Options{Memory: memory, K: images, Images: images, Net: nn.Config{
					Arch: "resnet18", Width: 0.0625, Stem: "cifar", FeatDim: 8, Modal: "CMC",
				}})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(m.Free)
				return m
			}
			m, path := made(4), filepath.Join(t.TempDir(), "c.pth")
			want := []int64{3, 1, 0, 2, 1, 1, 0, 2, 0, -1, -1, -1}
			for _, o := range m.Method.State().Origins {
				torch.Scoped(func() { o.Copy_(torch.FromInt64(want, 4, contrast.OriginColumns)) })
			}
			contrastOf := checkpoint.Item{Key: "contrast", Value: statedict.Of(m.Method.State().Contrast, "")}
			file := append(checkpoint.Dict{contrastOf}, saveMethod(m)...)
			if err := checkpoint.Write(path, file); err != nil {
				return err
			}
			saved, err := checkpoint.Read(path)
			if err != nil {
				return err
			}
			older := slices.DeleteFunc(slices.Clone(saved), func(i checkpoint.Item) bool { return i.Key == originsKey })
			for _, record := range []checkpoint.Dict{saved, older, saved} {
				if err := loadMethod(m, path, saved.Get("contrast"), record); err != nil {
					return err
				}
				expected := want
				if record.Get(originsKey) == nil {
					expected = slices.Repeat([]int64{contrast.Unknown}, len(want))
				}
				for i, o := range m.Method.State().Origins {
					if got := o.Int64s(); !slices.Equal(got, expected) {
						t.Errorf("%s, branch %d: origins %v, want %v", memory, i, got, expected)
					}
				}
			}
			other := made(5)
			theirs := statedict.Of(other.Method.State().Contrast, "")
			if err := checkpoint.Write(path, checkpoint.Dict{{Key: "contrast", Value: theirs}}); err != nil {
				return err
			}
			rows, err := checkpoint.Read(path)
			if err != nil {
				return err
			}
			if err := loadMethod(other, path, rows.Get("contrast"), saved); err == nil {
				t.Errorf("%s: origins of 4 rows are taken for a memory of 5", memory)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
