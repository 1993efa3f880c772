package config

// Convert are the options of converting a checkpoint.
type Convert struct {
	_        struct{} `group:"output" everyday:"true"`
	From     string   `flag:"from" help:"format of the input: pth, safetensors, npz, detectron2 or onnx; empty: what its name says"`
	To       string   `flag:"to" help:"format of the output, as --from"`
	WithHead bool     `flag:"with_head" help:"keep the projection head"`
	UseEMA   bool     `flag:"use_ema" help:"use the key encoder's weights"`
}

// Inspect are the options of looking into a checkpoint.
type Inspect struct {
	_       struct{} `group:"output" everyday:"true"`
	From    string   `flag:"from" help:"format of the file: pth, safetensors, npz, detectron2 or onnx; empty: what its name says"`
	Tensors bool     `flag:"tensors" help:"list every tensor"`
	JSON    bool     `flag:"json" help:"print JSON"`
}
