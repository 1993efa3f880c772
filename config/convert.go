package config

// Convert are the options of converting a checkpoint.
type Convert struct {
	_        struct{} `group:"output"`
	From     string   `flag:"from" everyday:"true" help:"format of the input: pth, safetensors, npz, detectron2 or onnx; empty: what its name says"`
	To       string   `flag:"to" everyday:"true" help:"format of the output, as --from"`
	WithHead bool     `flag:"with_head" everyday:"true" help:"keep the projection head"`
	UseEMA   bool     `flag:"use_ema" everyday:"true" help:"use the key encoder's weights"`
}

// Inspect are the options of looking into a checkpoint.
type Inspect struct {
	_       struct{} `group:"output"`
	From    string   `flag:"from" everyday:"true" help:"format of the file: pth, safetensors, npz, detectron2 or onnx; empty: what its name says"`
	Tensors bool     `flag:"tensors" everyday:"true" help:"list every tensor"`
	JSON    bool     `flag:"json" everyday:"true" help:"print JSON"`
}
