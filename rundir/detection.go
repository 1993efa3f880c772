package rundir

// DetectionMetrics are the fields of a line of metrics.jsonl that trainings of detectors add.
// Losses have Detectron2's names; average precisions are in percent.
type DetectionMetrics struct {
	ClassLoss  *float64 `json:"loss_cls,omitempty"`
	BoxLoss    *float64 `json:"loss_box_reg,omitempty"`
	AnchorLoss *float64 `json:"loss_rpn_cls,omitempty"`
	LocateLoss *float64 `json:"loss_rpn_loc,omitempty"`
	MaskLoss   *float64 `json:"loss_mask,omitempty"`
	Foreground *float64 `json:"fg,omitempty"`      // regions of an object among those that trained, per image
	Anchors    *float64 `json:"rpn_pos,omitempty"` // anchors of an object among those that trained, per image
	// Shares of the regions that trained, in percent: classified right; of those with an object
	// likewise; of those with an object taken for background.
	Accuracy           *float64 `json:"cls_accuracy,omitempty"`
	ForegroundAccuracy *float64 `json:"fg_cls_accuracy,omitempty"`
	Missed             *float64 `json:"false_negative,omitempty"`

	AP     *float64 `json:"ap,omitempty"` // mean over IoU thresholds from 0.5 to 0.95
	AP50   *float64 `json:"ap50,omitempty"`
	AP75   *float64 `json:"ap75,omitempty"`
	MaskAP *float64 `json:"mask_ap,omitempty"`
}

// named is a value with its name in Detectron2.
type named struct {
	name string
	to   **float64
}

// SetLoss sets the loss of a name of Detectron2. It ignores other names.
func (d *DetectionMetrics) SetLoss(name string, v float64) {
	for _, f := range []named{
		{"loss_cls", &d.ClassLoss}, {"loss_box_reg", &d.BoxLoss}, {"loss_rpn_cls", &d.AnchorLoss},
		{"loss_rpn_loc", &d.LocateLoss}, {"loss_mask", &d.MaskLoss},
	} {
		if f.name == name {
			*f.to = &v
		}
	}
}

// SetShare sets the share of a name of Detectron2, from 0 to 1. It ignores other names.
func (d *DetectionMetrics) SetShare(name string, v float64) {
	for _, f := range []named{
		{"cls_accuracy", &d.Accuracy}, {"fg_cls_accuracy", &d.ForegroundAccuracy}, {"false_negative", &d.Missed},
	} {
		if f.name == name {
			*f.to = new(100 * v)
		}
	}
}

// SetScores sets the average precisions that a result has.
func (d *DetectionMetrics) SetScores(metrics map[string]any) {
	for _, f := range []named{{"AP", &d.AP}, {"AP50", &d.AP50}, {"AP75", &d.AP75}, {"mask_AP", &d.MaskAP}} {
		if v, ok := metrics[f.name].(float64); ok {
			*f.to = &v
		}
	}
}

// detection is the beginning of the protocols of detectors.
const detection = "detect-"

// Protocols of detectors in results.
const (
	DetectVOC  = detection + "voc"
	DetectCOCO = detection + "coco"
)

// iterationMetric is the metric of a result with the iterations of the detector's training.
const iterationMetric = "iteration"

// KeepDetections removes the results of detectors after an iteration from a run directory, for a
// run that resumes there.
func KeepDetections(dir string, iteration int) error {
	return resultsOf(dir).Keep(func(v map[string]any) bool {
		protocol, _ := v["protocol"].(string)
		metrics, _ := v["metrics"].(map[string]any)
		return protocol != DetectVOC && protocol != DetectCOCO || !above(metrics[iterationMetric], iteration)
	})
}

// HasDetection reports whether the results of a run directory have the test of a detector after
// an iteration of its training.
func HasDetection(dir string, iteration int) (bool, error) {
	all, err := resultsOf(dir).Read()
	for _, v := range all {
		protocol, _ := v["protocol"].(string)
		metrics, _ := v["metrics"].(map[string]any)
		if (protocol == DetectVOC || protocol == DetectCOCO) && metrics[iterationMetric] == float64(iteration) {
			return true, err
		}
	}
	return false, err
}
