// What the expressions of loops call. For float there are neither branches nor calls, so that compilers make
// vectors of them; they differ from the exact values by a few units in the last place. Coefficients of exp, log
// and tanh: Cephes (S. L. Moshier, netlib.org/cephes).
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace loops {

inline float exp(float x) {
  x = x > 104.f ? 104.f : x;
  x = x < -104.f ? -104.f : x;
  const float n = __builtin_rintf(x * 1.44269504088896341f);
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.f;
  const int k = int(n), half = k >> 1;
  return p * std::bit_cast<float>((half + 127) << 23) * std::bit_cast<float>((k - half + 127) << 23);
}

inline float log(float x) {
  const bool small = x < 1.17549435e-38f;
  const float y = small ? x * 8388608.f : x;
  const int bits = std::bit_cast<int>(y);
  int e = ((bits >> 23) & 255) - 126 - (small ? 23 : 0);
  float m = std::bit_cast<float>((bits & 0x007fffff) | 0x3f000000);  // 0.5 to 1
  const bool low = m < 0.707106781186547524f;
  e = low ? e - 1 : e;
  m = (low ? m + m : m) - 1.f;
  const float z = m * m;
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  const float f = float(e);
  float r = p * m * z + f * -2.12194440e-4f - 0.5f * z + m + f * 0.693359375f;
  r = x == __builtin_inff() ? x : r;
  r = x == 0.f ? -__builtin_inff() : r;
  return x >= 0.f ? r : __builtin_nanf("");
}

inline float log1p(float x) {
  const float u = 1.f + x;
  const float d = u - 1.f;
  const float c = (x - d) / u;
  const float r = log(u) + (u > 3e38f ? 0.f : c);
  return u == 1.f ? x : r;
}

inline float sigmoid(float x) { return 1.f / (1.f + exp(-x)); }

inline float tanh(float x) {
  const float a = x < 0.f ? -x : x;
  const float s = x * x;
  float p = -5.70498872745e-3f;
  p = p * s + 2.06390887954e-2f;
  p = p * s - 5.37397155531e-2f;
  p = p * s + 1.33314422036e-1f;
  p = p * s - 3.33332819422e-1f;
  const float near = p * s * x + x;
  const float e = 1.f - 2.f / (exp(2.f * a) + 1.f);
  const float far = x < 0.f ? -e : e;
  return a < 0.625f ? near : far;
}

// A quotient of polynomials, with the coefficients of Eigen and XLA.
inline float erf(float x) {
  const float y = x > 4.f ? 4.f : x < -4.f ? -4.f : x;
  const float s = y * y;
  float p = -2.72614225801306e-10f;
  p = p * s + 2.77068142495902e-08f;
  p = p * s - 2.10102402082508e-06f;
  p = p * s - 5.69250639462346e-05f;
  p = p * s - 7.34990630326855e-04f;
  p = p * s - 2.95459980854025e-03f;
  p = p * s - 1.60960333262415e-02f;
  float q = -1.45660718464996e-05f;
  q = q * s - 2.13374055278905e-04f;
  q = q * s - 1.68282697438203e-03f;
  q = q * s - 7.37332916720468e-03f;
  q = q * s - 1.42647390514189e-02f;
  return y * p / q;
}

inline double erf(double x) { return std::erf(x); }

inline double exp(double x) { return std::exp(x); }

inline double log(double x) { return std::log(x); }

inline double log1p(double x) { return std::log1p(x); }

inline double tanh(double x) { return std::tanh(x); }

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace loops
