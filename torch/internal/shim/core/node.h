// How libtorch holds the nodes of autograd's graph: std::shared_ptr up to 2.12,
// c10::intrusive_ptr since 2.13.
#pragma once

#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/function.h>

#include "version.h"

namespace shim {

using NodePointer = decltype(torch::autograd::Edge::function);

#if AT_LEAST(2, 13)
inline NodePointer owned(torch::autograd::Node* node) { return NodePointer::unsafe_steal_from_new(node); }
inline NodePointer itself(torch::autograd::Node* node) { return node->getptr(); }
#else
inline NodePointer owned(torch::autograd::Node* node) { return NodePointer(node, torch::autograd::deleteNode); }
inline NodePointer itself(torch::autograd::Node* node) { return node->shared_from_this(); }
#endif

} // namespace shim
