package config

// Convert are the options of convert, which converts a checkpoint.
type Convert struct {
	_        struct{} `group:"output" everyday:"true"`
	From     string   `flag:"from" help:"format of the input: pth, safetensors, npz, detectron2 or onnx; empty: detected from its name"`
	To       string   `flag:"to" help:"format of the output, with the same choices; empty: detected from its name"`
	Detector string   `flag:"detector" help:"c4 or fpn: write a complete configuration beside Detectron2's .pkl, of Faster R-CNN C4 on VOC or of Mask R-CNN FPN on COCO; empty: the part about the backbone"`
	WithHead bool     `flag:"with_head" help:"keep the projection head"`
	UseEMA   bool     `flag:"use_ema" help:"use the key encoder's weights"`
	Prefix   string   `flag:"prefix" help:"name prefix of the encoder to take, such as module.encoder_q, if a checkpoint has several"`
}

// Inspect are the options of inspect, which shows what is in a checkpoint.
type Inspect struct {
	_       struct{} `group:"output" everyday:"true"`
	From    string   `flag:"from" help:"format of the file: pth, safetensors, npz, detectron2 or onnx; empty: detected from its name"`
	Prefix  string   `flag:"prefix" help:"name prefix of the encoder to describe, such as module.encoder_q, if a file has several"`
	Tensors bool     `flag:"tensors" help:"list every tensor"`
	JSON    bool     `flag:"json" help:"print JSON"`
}
