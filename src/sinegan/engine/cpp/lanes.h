// Calls the step of a program for all lanes.
#pragma once
#include <cstdint>
#include <vector>

namespace {

// The memory for values between arguments and results. Each step uses it again.
template <int64_t SIZE>
char* memory() {
  constexpr int64_t LINE = 64;
  static thread_local std::vector<char> bytes(SIZE + LINE);
  return bytes.data() + (LINE - reinterpret_cast<uintptr_t>(bytes.data()) % LINE) % LINE;
}

// Runs all steps of a lane before the next lane, so that its state stays in the cache.
// by_step, by_lane: bytes from one step or lane to the next, for each argument.
template <int ARGUMENTS, int64_t SIZE>
void each_lane(
    void (*step)(char* const*, char*),
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
      step(arguments, memory<SIZE>());
    }
}

}  // namespace
