package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"contralens/checkpoint/weights"
	"contralens/cmd/internal/cli"
	"contralens/config"
	detectors "contralens/detect/weights"
	"contralens/internal/humanize"
	"contralens/torch"
)

func convertCommand() *cobra.Command {
	c := config.Convert{}
	cmd := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Convert an encoder between .pth, .safetensors, .npz, Detectron2's .pkl and .onnx",
		Example: `  # with torchvision's names, for model.load_state_dict(…, strict=False)
  contralens convert save/run/current.pth encoder.pth
  contralens convert save/run/current.pth encoder.safetensors --with_head
  # for Detectron2, with detectron2.yaml beside it
  contralens convert moco_v2_800ep_pretrain.pth.tar detectron2.pkl
  # with the whole configuration of Faster R-CNN R50-C4 on VOC
  contralens convert save/run/current.pth voc.pkl --detector c4
  contralens convert save/run/current.pth encoder.onnx`,
	}
	given := cli.Bind(cmd, &c)
	cmd.Args = cli.Arguments(2, "a file to read and a file to write", "convert save/run/current.pth encoder.safetensors")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		return torch.Run(func() error { return convert(&c, args[0], args[1]) })
	}
	return cmd
}

func convert(c *config.Convert, in, out string) error {
	if a, err := os.Stat(in); err == nil {
		if b, err := os.Stat(out); err == nil && os.SameFile(a, b) {
			return cli.Wrong(fmt.Errorf("convert: want another file to write, got %s, which is also the file to read", in))
		}
	}
	if c.To == "" && !slices.Contains(weights.Extensions, strings.ToLower(filepath.Ext(out))) {
		return cli.Wrong(fmt.Errorf("convert: want a name that ends in %s, or --to with a format, got %s",
			strings.Join(weights.Extensions, ", "), out))
	}
	f, err := weights.Open(in, c.From)
	if err != nil {
		return err
	}
	e, err := f.EncoderAt(c.Prefix, c.UseEMA)
	if err != nil {
		return err
	}
	if n := detectors.BesidesEncoder(f); n > 0 {
		printNote(fmt.Sprintf("%s is written without the %d tensors of the detector on it; Detectron2 reads %s itself, as "+
			"MODEL.WEIGHTS", humanize.Text(out), n, humanize.Text(in)))
	}
	net, err := f.Network(e)
	if err != nil {
		return err
	}
	res, _ := strconv.Atoi(f.Options["input_res"])
	files, err := e.Save(out, net, weights.SaveOptions{
		Format: c.To, Head: c.WithHead, InputRes: res, Detector: c.Detector, Note: printNote,
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(cli.Out, e.Mapping())
	for _, file := range files {
		fmt.Fprintln(cli.Out, "written:", file)
	}
	return nil
}
