package nn

import (
	"errors"
	"testing"

	"contralens/internal/tensortest"
	"contralens/nn/backbone"
	"contralens/nn/layers"
)

// An invalid value of an option is an error that names the option, and leaves no
// tensors.
func TestOptionErrors(t *testing.T) {
	backbone.Register(backbone.Arch{Name: "plain", New: func(layers.Builder, backbone.Options) (backbone.Backbone, error) {
		return nil, errors.New("built")
	}})
	for _, c := range []struct {
		config     Config
		name, text string
	}{
		{Config{FeatDim: -1}, "feat_dim", "feat_dim: want at least 1, got -1"},
		{Config{Modal: "BW"}, "modal", `modal: want RGB or CMC, got "BW"`},
		{Config{Width: -1}, "width", "width: want a number above 0 and at most 8, got -1"},
		{Config{Stem: "x"}, "stem", `stem: want imagenet or cifar, got "x"`},
		{Config{Arch: "resnet18", Width: 0.1, Head: "x"}, "head",
			`head: want one of linear, linear_wo_norm, mlp, mlp_bn, 2mlp_bn, got "x"`},
		{Config{Arch: "plain", Modal: "CMC"}, "modal", "modal: want RGB, since plain has no half-width encoders, got CMC"},
		{Config{Arch: "plain", Jigsaw: true}, "jigsaw", "jigsaw: want false, since plain takes images of one size, got true"},
		{Config{Arch: "plain", Width: 2}, "width", "width: want 1, the only width of plain, got 2"},
	} {
		tensortest.Run(t, func() {
			_, err := New(c.config, 1)
			var value *OptionError
			if !errors.As(err, &value) || value.Name != c.name || err.Error() != c.text {
				t.Errorf("%+v: error %v, want %s", c.config, err, c.text)
			}
		})
	}
}
