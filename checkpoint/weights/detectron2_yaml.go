package weights

// Configurations of Detectron2. Each takes the settings of the backbone.

const bodyYAML = `# For Detectron2: add this to a configuration with a ResNet backbone.
MODEL:
%s
  BACKBONE:
    FREEZE_AT: 0
INPUT:
  FORMAT: "RGB"
VERSION: 2
`

const c4YAML = `# Faster R-CNN R50-C4 on PASCAL VOC, 24,000 iterations (He et al., 2020). It is complete.
# Give it to train_net.py of MoCo's detection folder, which has Res5ROIHeadsExtraNorm.
MODEL:
  META_ARCHITECTURE: "GeneralizedRCNN"
%s
    OUT_FEATURES: ["res4"]
  BACKBONE:
    NAME: "build_resnet_backbone"
    FREEZE_AT: 0
  ANCHOR_GENERATOR:
    SIZES: [[32, 64, 128, 256, 512]]
    ASPECT_RATIOS: [[0.5, 1.0, 2.0]]
  RPN:
    IN_FEATURES: ["res4"]
    PRE_NMS_TOPK_TRAIN: 12000
    PRE_NMS_TOPK_TEST: 6000
    POST_NMS_TOPK_TRAIN: 2000
    POST_NMS_TOPK_TEST: 1000
  ROI_HEADS:
    NAME: "Res5ROIHeadsExtraNorm"
    IN_FEATURES: ["res4"]
    NUM_CLASSES: 20
  ROI_BOX_HEAD:
    POOLER_RESOLUTION: 14
    POOLER_TYPE: "ROIAlignV2"
  MASK_ON: False
DATASETS:
  TRAIN: ("voc_2007_trainval", "voc_2012_trainval")
  TEST: ("voc_2007_test",)
INPUT:
  FORMAT: "RGB"
  MIN_SIZE_TRAIN: (480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800)
  MIN_SIZE_TEST: 800
SOLVER:
  IMS_PER_BATCH: 16
  BASE_LR: 0.02
  STEPS: (18000, 22000)
  MAX_ITER: 24000
  WARMUP_ITERS: 100
TEST:
  PRECISE_BN:
    ENABLED: True
    NUM_ITER: 200
VERSION: 2
`

const fpnYAML = `# Mask R-CNN R50-FPN on COCO, 1x schedule (He et al., 2020). It is complete:
# give it to Detectron2's tools/train_net.py.
MODEL:
  META_ARCHITECTURE: "GeneralizedRCNN"
%s
    OUT_FEATURES: ["res2", "res3", "res4", "res5"]
  BACKBONE:
    NAME: "build_resnet_fpn_backbone"
    FREEZE_AT: 0
  FPN:
    IN_FEATURES: ["res2", "res3", "res4", "res5"]
    NORM: "SyncBN"
  ANCHOR_GENERATOR:
    SIZES: [[32], [64], [128], [256], [512]]
    ASPECT_RATIOS: [[0.5, 1.0, 2.0]]
  RPN:
    IN_FEATURES: ["p2", "p3", "p4", "p5", "p6"]
    PRE_NMS_TOPK_TRAIN: 2000
    PRE_NMS_TOPK_TEST: 1000
    POST_NMS_TOPK_TRAIN: 1000
    POST_NMS_TOPK_TEST: 1000
  ROI_HEADS:
    NAME: "StandardROIHeads"
    IN_FEATURES: ["p2", "p3", "p4", "p5"]
    NUM_CLASSES: 80
  ROI_BOX_HEAD:
    NAME: "FastRCNNConvFCHead"
    NUM_FC: 2
    POOLER_RESOLUTION: 7
    POOLER_TYPE: "ROIAlignV2"
  ROI_MASK_HEAD:
    NAME: "MaskRCNNConvUpsampleHead"
    NUM_CONV: 4
    POOLER_RESOLUTION: 14
    POOLER_TYPE: "ROIAlignV2"
  MASK_ON: True
DATASETS:
  TRAIN: ("coco_2017_train",)
  TEST: ("coco_2017_val",)
INPUT:
  FORMAT: "RGB"
  MIN_SIZE_TRAIN: (640, 672, 704, 736, 768, 800)
  MIN_SIZE_TEST: 800
SOLVER:
  IMS_PER_BATCH: 16
  BASE_LR: 0.02
  STEPS: (60000, 80000)
  MAX_ITER: 90000
  WARMUP_ITERS: 1000
TEST:
  PRECISE_BN:
    ENABLED: True
    NUM_ITER: 200
VERSION: 2
`
