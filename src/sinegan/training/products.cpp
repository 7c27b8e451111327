// Products of small matrices, c = a b, in the place of a BLAS.
//
// A BLAS is made for large matrices: at the sizes of small networks it spends a quarter of its time on
// preparing. Each element of c is summed in the order of k, wherever its matrix stands among how many.
#include <algorithm>
#include <tuple>
#include <vector>

namespace {

#if defined(CPU_CAPABILITY_AVX2)
constexpr int ROWS = 6;  // of c that are summed at once: what 16 registers hold
#else
constexpr int ROWS = 8;
#endif

// Matrices with any strides.
template <typename T>
struct Matrix {
  T* data;
  int64_t row, column;

  T* at(int64_t i, int64_t j) const {
    return data + i * row + j * column;
  }
};

// A square of one vector by one vector: each round deals the lower half of the rows in between the upper.
template <typename T>
inline void transpose(Matrix<const T> from, T* to, int64_t row) {
  using Vec = at::vec::Vectorized<T>;
  constexpr int LANE = Vec::size();
  Vec dealt[2][LANE];
#pragma GCC unroll 16
  for (int i = 0; i < LANE; ++i) dealt[0][i] = Vec::loadu(from.at(0, i));
  int now = 0;
#pragma GCC unroll 4
  for (int round = 1; round < LANE; round *= 2, now = 1 - now)
#pragma GCC unroll 8
    for (int i = 0; i < LANE / 2; ++i)
      std::tie(dealt[1 - now][2 * i], dealt[1 - now][2 * i + 1]) =
          at::vec::interleave2(dealt[now][i], dealt[now][i + LANE / 2]);
#pragma GCC unroll 16
  for (int i = 0; i < LANE; ++i) dealt[now][i].store(to + i * row);
}

// N vectors of the columns of b, a row of them after the other; what is beyond `columns` is 0.
template <typename T, int N>
void pack(Matrix<const T> b, int64_t k, int64_t columns, T* panel) {
  using Vec = at::vec::Vectorized<T>;
  constexpr int64_t LANE = Vec::size(), WIDTH = N * LANE;
  int64_t p = 0;
  if (b.column == 1) {
    for (; p < k; ++p)
      for (int64_t j = 0; j < WIDTH; j += LANE)
        Vec::loadu(b.at(p, j), std::min(columns - j, LANE)).store(panel + p * WIDTH + j);
  } else if (b.row == 1 && columns == WIDTH) {
    for (; p + LANE <= k; p += LANE)
      for (int64_t j = 0; j < WIDTH; j += LANE)
        transpose<T>({b.at(p, j), b.row, b.column}, panel + p * WIDTH + j, WIDTH);
  }
  for (; p < k; ++p)
    for (int64_t j = 0; j < WIDTH; ++j) panel[p * WIDTH + j] = j < columns ? *b.at(p, j) : T(0);
}

// R rows by N vectors of c.
template <typename T, int R, int N>
inline void tile(Matrix<const T> a, const T* panel, int64_t k, Matrix<T> c, int64_t columns) {
  using Vec = at::vec::Vectorized<T>;
  Vec sums[R][N];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < N; ++j) sums[i][j] = Vec(0);
  for (int64_t p = 0; p < k; ++p, panel += N * Vec::size()) {
    Vec b[N];
#pragma GCC unroll 2
    for (int j = 0; j < N; ++j) b[j] = Vec::loadu(panel + j * Vec::size());
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      const Vec factor(*a.at(i, p));
#pragma GCC unroll 2
      for (int j = 0; j < N; ++j) sums[i][j] = at::vec::fmadd(factor, b[j], sums[i][j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < N; ++j) {
      const int64_t left = columns - j * Vec::size();
      if (left >= Vec::size())
        sums[i][j].store(c.at(i, j * Vec::size()));
      else if (left > 0)
        sums[i][j].store(c.at(i, j * Vec::size()), left);
    }
}

// As many rows as there are R at a time, and then with smaller R.
template <typename T, int R, int N>
void rows(Matrix<const T> a, const T* panel, int64_t m, int64_t k, Matrix<T> c, int64_t columns) {
  int64_t i = 0;
  for (; i + R <= m; i += R)
    tile<T, R, N>({a.at(i, 0), a.row, a.column}, panel, k, {c.at(i, 0), c.row, c.column}, columns);
  if constexpr (R > 1)
    if (i < m)
      rows<T, R / 2, N>({a.at(i, 0), a.row, a.column}, panel, m - i, k, {c.at(i, 0), c.row, c.column}, columns);
}

template <typename T>
void product(Matrix<const T> a, Matrix<const T> b, Matrix<T> c, int64_t m, int64_t n, int64_t k) {
  constexpr int64_t LANE = at::vec::Vectorized<T>::size();
  static thread_local std::vector<T> panel;
  panel.resize(std::max<size_t>(panel.size(), k * 2 * LANE));
  for (int64_t j = 0; j < n; j += 2 * LANE) {
    const int64_t columns = std::min(n - j, 2 * LANE);
    const Matrix<const T> some{b.at(0, j), b.row, b.column};
    const Matrix<T> to{c.at(0, j), c.row, c.column};
    if (columns > LANE) {
      pack<T, 2>(some, k, columns, panel.data());
      rows<T, ROWS, 2>(a, panel.data(), m, k, to, columns);
    } else {
      pack<T, 1>(some, k, columns, panel.data());
      rows<T, ROWS, 1>(a, panel.data(), m, k, to, columns);
    }
  }
}

template <typename T>
Matrix<T> matrix(const View& view, int64_t first) {
  const int64_t* strides = view.strides + view.axes - 2;
  const int64_t skipped = view.axes > 2 ? first * view.strides[0] : 0;
  return {reinterpret_cast<T*>(view.data) + skipped, strides[0], strides[1]};
}

template <typename T>
void products_of(const View& c, const View& a, const View& b) {
  const int64_t count = c.axes > 2 ? c.sizes[0] : 1;
  const int64_t m = c.sizes[c.axes - 2], n = c.sizes[c.axes - 1], k = a.sizes[a.axes - 1];
  for (int64_t l = 0; l < count; ++l)
    product<T>(matrix<const T>(a, l), matrix<const T>(b, l), matrix<T>(c, l), m, n, k);
}

}  // namespace

// The columns of c must be next to each other.
extern "C" void products(const View& c, const View& a, const View& b) {
  if (c.element == sizeof(float))
    products_of<float>(c, a, b);
  else
    products_of<double>(c, a, b);
}
