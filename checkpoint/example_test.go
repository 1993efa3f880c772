package checkpoint_test

import (
	"fmt"
	"os"
	"path/filepath"

	"contralens/checkpoint"
)

// A file that torch.load can read, too.
func ExampleRead() {
	dir, err := os.MkdirTemp("", "checkpoint")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "tiny.pth")
	err = checkpoint.Write(path, checkpoint.Dict{
		{Key: "epoch", Value: 3},
		{Key: "state_dict", Value: checkpoint.OrderedDict{
			{Key: "fc.bias", Value: checkpoint.FromFloat32([]float32{1, 2}, 2)},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	root, err := checkpoint.Read(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	bias := root.Dict("state_dict").Tensor("fc.bias")
	fmt.Println(root.Int("epoch"), bias.Dtype, bias.Shape, bias.Float32s())
	// Output: 3 float32 [2] [1 2]
}

// Structs as dictionaries and back.
func ExampleEncode() {
	type settings struct {
		Rate   float64  `key:"lr"`
		Stages []string `key:"stages"`
	}
	dict := checkpoint.Encode(settings{0.03, []string{"layer3", "layer4"}})
	fmt.Println(dict.Get("lr"), dict.Get("stages"))
	var back settings
	dict.Decode(&back)
	fmt.Println(back)
	// Output:
	// 0.03 [layer3 layer4]
	// {0.03 [layer3 layer4]}
}
