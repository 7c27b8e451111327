// The functions on tensors that PyTorch's generated wrapper calls (torch/csrc/inductor/aoti_torch/c/shim.h),
// for views.
#pragma once
#include <cstdlib>
#include <utility>
#include <vector>

#define AOTI_TORCH_ERROR_CODE_CHECK(call) call
using AtenTensorHandle = View;
using RAIIAtenTensorHandle = View;

// Unnamed, because a process loads several programs at once.
namespace {

View wrap_with_raii_handle_if_needed(const View& view) {
  return view;
}

View reinterpret_tensor_wrapper(
    const View& of, int64_t axes, const int64_t* sizes, const int64_t* strides, int64_t offset) {
  return {of.data + offset * of.element, of.element, axes, sizes, strides};
}

void aoti_torch_new_tensor_handle(const View& of, View* view) {
  *view = of;
}

void aoti_torch__alloc_from_pool(
    const View& pool, int64_t offset, int64_t element, int64_t axes, const int64_t* sizes, const int64_t* strides, View* view) {
  *view = {pool.data + offset, element, axes, sizes, strides};
}

// The memory for values between arguments and result: a block for each allocation in the code, in the order of
// the calls. The next step uses the same blocks again.
struct Memory {
  std::vector<char*> blocks;
  size_t next = 0;

  ~Memory() {
    for (char* block : blocks) std::free(block);
  }
  char* block(int64_t bytes) {
    if (next == blocks.size()) blocks.push_back(static_cast<char*>(std::aligned_alloc(64, (bytes + 127) / 64 * 64)));
    return blocks[next++];
  }
};
Memory& memory() {
  static thread_local Memory instance;
  return instance;
}

void aoti_torch_empty_strided(
    int64_t axes, const int64_t* sizes, const int64_t* strides, int64_t element, int, int, View* view) {
  int64_t last = 0;
  for (int64_t axis = 0; axis < axes; ++axis) last += (sizes[axis] - 1) * strides[axis];
  *view = {memory().block((last + 1) * element), element, axes, sizes, strides};
}

// Runs all steps of a lane before the next lane, so that its state stays in the cache.
// by_step, by_lane: bytes from one step or lane to the next, for each argument.
template <int ARGUMENTS>
void each_lane(
    void (*step)(char* const*),
    char* const* data,
    const int64_t* by_step,
    const int64_t* by_lane,
    int64_t steps,
    int64_t lanes) {
  for (int64_t lane = 0; lane < lanes; ++lane)
    for (int64_t now = 0; now < steps; ++now) {
      char* arguments[ARGUMENTS];
      for (int place = 0; place < ARGUMENTS; ++place)
        arguments[place] = data[place] + now * by_step[place] + lane * by_lane[place];
      memory().next = 0;
      step(arguments);
    }
}

}  // namespace
