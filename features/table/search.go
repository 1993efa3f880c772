package table

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/data/codec"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/features"
	"contralens/nn"
	"contralens/setup"
)

// Encoder is a model with the options to compute its features.
type Encoder struct {
	Model   *nn.Model
	Options features.Options  // how the features are computed
	Gray16  codec.Gray16      // how images are decoded
	Meta    map[string]string // what the features depend on, for Job.Meta
}

// Open loads the encoder that the options name. The options in set override the
// checkpoint's record. note receives sentences for the user. Call Open inside
// torch.Run, and free Model when done.
func Open(c config.Encoder, set map[string]bool, note func(string)) (*Encoder, error) {
	net, machine, from := c.Options()
	machine.Settle()
	e, notes, err := setup.LoadEncoder(&net, machine, from, set)
	if err != nil {
		return nil, err
	}
	for _, n := range notes {
		note(n)
	}
	setup.Host(&machine, e.Model.Config.Device)
	sum, err := checkpoint.SHA256(c.Ckpt)
	if err != nil {
		e.Model.Free()
		return nil, err
	}
	path, err := filepath.Abs(c.Ckpt)
	if err != nil {
		path = c.Ckpt
	}
	precision := setup.Dtype(machine.Precision)
	made := &Encoder{
		Model:   e.Model,
		Gray16:  codec.Gray16(net.Gray16),
		Options: features.Options{Size: net.InputRes, Batch: c.BatchSize, Workers: machine.Workers, Precision: precision},
		Meta: map[string]string{
			"checkpoint": path, "checkpoint_sha256": sum, "input_res": strconv.Itoa(net.InputRes),
			"use_ema": strconv.FormatBool(c.UseEMA), precisionKey: machine.Precision,
		},
	}
	if made.Gray16 != codec.ClipGray16 {
		made.Meta["gray16"] = string(made.Gray16)
	}
	if c.Prefix != "" {
		made.Meta["prefix"] = c.Prefix
	}
	return made, nil
}

// ErrNoEncoder is the error if the image's features are not in the file and no encoder
// is known.
var ErrNoEncoder = errors.New("want the encoder that made it")

// Search finds the images in a file of features that are nearest to the image at path,
// the best first, without that image itself. The image's features come from the file if
// it is in there, or else from the encoder c.Ckpt, or else from the encoder that the
// file names. The paths found are relative to folder. Call Search inside torch.Run.
func Search(
	c config.Neighbors, set map[string]bool, path string, note func(string),
) (found []Neighbor, folder string, err error) {
	meta, err := Each(c.In, func(Row) error { return nil })
	if err != nil {
		return nil, "", err
	}
	folder = meta["folder"]
	name := path
	if folder != "" {
		if r, err := between(folder, path); err == nil {
			name = filepath.ToSlash(r)
		}
	}
	query, _, err := Find(c.In, name)
	if err == nil && (query == nil || set["ckpt"]) {
		query, err = embed(c, set, meta, path, note)
	}
	if err != nil {
		return nil, "", err
	}
	found, err = Nearest(c.In, query, c.K, name)
	return found, folder, err
}

// The metadata about how features were computed. Files of older versions have amp, which is
// whether the precision was a mixed one.
const (
	precisionKey = "precision"
	ampKey       = "amp"
)

// mixed reports whether features were computed in mixed precision.
func mixed(meta map[string]string) bool {
	return meta[ampKey] == "true" || setup.Dtype(meta[precisionKey]).Half()
}

// older returns the metadata as older versions wrote them, or nil if there is no precision in
// them or they did not name it apart.
func older(meta map[string]string) map[string]string {
	amp, known := map[string]string{"fp32": "false", "bf16": "true"}[meta[precisionKey]]
	if !known {
		return nil
	}
	was := maps.Clone(meta)
	delete(was, precisionKey)
	was[ampKey] = amp
	return was
}

// between returns the path of file relative to folder. Both may be relative to the
// current folder.
func between(folder, file string) (string, error) {
	from, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	to, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	return filepath.Rel(from, to)
}

// embed computes the features of an image. meta is the metadata of the file that they
// are compared with.
func embed(
	c config.Neighbors, set map[string]bool, meta map[string]string, path string, note func(string),
) ([]float32, error) {
	if c.Ckpt == "" {
		if c.Ckpt = meta["checkpoint"]; c.Ckpt == "" {
			return nil, fmt.Errorf("%s is not in %s: %w", path, c.In, ErrNoEncoder)
		}
		if res, err := strconv.Atoi(meta["input_res"]); err == nil && !set["input_res"] {
			c.InputRes, set = res, maps.Clone(set)
			set["input_res"] = true
		}
		if how := meta["gray16"]; how != "" && !set["gray16"] {
			c.Gray16, set = how, maps.Clone(set)
			set["gray16"] = true
		}
		c.UseEMA, c.Amp, c.Prefix = meta["use_ema"] == "true", mixed(meta), meta["prefix"]
	}
	_, m, _ := c.Options()
	if line := setup.DeviceLine(m); line != "" {
		note(line)
	}
	e, err := Open(c.Encoder, set, note)
	if err != nil {
		return nil, err
	}
	defer e.Model.Free()
	img, err := sets.ReadImage(context.Background(), store.Disk{}, path, &codec.Decoder{Gray16: e.Gray16, Note: note})
	if err != nil {
		return nil, err
	}
	if was := meta["checkpoint_sha256"]; was != "" && was != e.Meta["checkpoint_sha256"] {
		note(fmt.Sprintf("%s is not the encoder that made %s (that was %s, with other content): similarities are "+
			"meaningless unless the two agree",
			c.Ckpt, c.In, meta["checkpoint"]))
	}
	f, err := features.Embed(e.Model, img, e.Options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}
