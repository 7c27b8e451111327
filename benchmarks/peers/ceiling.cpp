// A loop of fused multiply-adds that waits for nothing: what a core's arithmetic can do at most.
#include <cstdint>
#include <utility>

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif

typedef float Vector __attribute__((vector_size(BYTES)));

// Sums that do not depend on each other: enough to hide the latency of two units, and few enough for 16
// registers.
constexpr int CHAINS = 12;

// I numbers the chains. It is a parameter pack, because with a loop the compiler would keep the sums in memory.
template <int... I>
float run(int64_t rounds, float factor, float summand, std::integer_sequence<int, I...>) {
  Vector sums[] = {(Vector{} + float(I))...};
  const Vector a = Vector{} + factor, b = Vector{} + summand;
  for (int64_t round = 0; round < rounds; ++round) ((sums[I] = sums[I] * a + b), ...);
  Vector total = {};
  ((total += sums[I]), ...);
  return total[0];
}

extern "C" int vector_bytes() {
  return BYTES;
}

extern "C" int operations_of_a_round() {
  return 2 * CHAINS * (BYTES / int(sizeof(float)));
}

extern "C" float fused_multiply_adds(int64_t rounds, float factor, float summand) {
  return run(rounds, factor, summand, std::make_integer_sequence<int, CHAINS>());
}
