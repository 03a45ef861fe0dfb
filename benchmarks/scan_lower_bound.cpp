// The selective scan as one loop of machine code: what this processor needs for it, without PyTorch in between.
// One thread; states and decays of 16 channels of a row are kept from the forward loop to the backward loop.
// The channel count must be a multiple of 16.
#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

constexpr int W = 16;

extern "C" void scan(int G, int B, int L, int D, int N,
                     const float* u, const float* delta, const float* A, const float* Bw, const float* C,
                     const float* skip, const float* dy,  // A transposed: [G, N, D]
                     float* y, float* du, float* ddelta, float* dA, float* dB, float* dC, float* dskip) {
    std::vector<float> decays((size_t)L * N * W), states((size_t)(L + 1) * N * W), back((size_t)N * W);
    std::memset(dB, 0, sizeof(float) * G * B * L * N);
    std::memset(dC, 0, sizeof(float) * G * B * L * N);
    std::memset(dA, 0, sizeof(float) * G * N * D);
    std::memset(dskip, 0, sizeof(float) * G * D);
    for (int g = 0; g < G; ++g)
        for (int b = 0; b < B; ++b)
            for (int d0 = 0; d0 < D; d0 += W) {
                const size_t row = ((size_t)g * B + b) * L;
                const float* a = A + (size_t)g * N * D + d0;
                float* da = dA + (size_t)g * N * D + d0;
                std::memset(states.data(), 0, sizeof(float) * N * W);
                for (int t = 0; t < L; ++t) {
                    const float *ut = u + (row + t) * D + d0, *st = delta + (row + t) * D + d0;
                    float sum[W];
                    for (int i = 0; i < W; ++i) sum[i] = skip[g * D + d0 + i] * ut[i];
                    for (int n = 0; n < N; ++n) {
                        float* e = &decays[((size_t)t * N + n) * W];
                        const float* h0 = &states[((size_t)t * N + n) * W];
                        float* h1 = &states[((size_t)(t + 1) * N + n) * W];
                        const float bw = Bw[(row + t) * N + n], c = C[(row + t) * N + n];
#pragma GCC ivdep
                        for (int i = 0; i < W; ++i) {
                            e[i] = std::exp(st[i] * a[(size_t)n * D + i]);
                            h1[i] = e[i] * h0[i] + bw * st[i] * ut[i];
                            sum[i] += c * h1[i];
                        }
                    }
                    for (int i = 0; i < W; ++i) y[(row + t) * D + d0 + i] = sum[i];
                }
                std::memset(back.data(), 0, sizeof(float) * N * W);
                for (int t = L - 1; t >= 0; --t) {
                    const float *ut = u + (row + t) * D + d0, *st = delta + (row + t) * D + d0;
                    const float* gt = dy + (row + t) * D + d0;
                    float to_driven[W] = {}, to_step[W] = {};
                    for (int n = 0; n < N; ++n) {
                        const float* e = &decays[((size_t)t * N + n) * W];
                        const float* h0 = &states[((size_t)t * N + n) * W];
                        const float* h1 = &states[((size_t)(t + 1) * N + n) * W];
                        float* gh = &back[(size_t)n * W];
                        const float bw = Bw[(row + t) * N + n], c = C[(row + t) * N + n];
                        float db = 0, dc = 0;
#pragma GCC ivdep
                        for (int i = 0; i < W; ++i) {
                            const float gs = gh[i] + c * gt[i];
                            dc += gt[i] * h1[i];
                            db += st[i] * ut[i] * gs;
                            to_driven[i] += bw * gs;
                            gh[i] = e[i] * gs;
                            const float exponent = gh[i] * h0[i];
                            to_step[i] += exponent * a[(size_t)n * D + i];
                            da[(size_t)n * D + i] += exponent * st[i];
                        }
                        dB[(row + t) * N + n] += db;
                        dC[(row + t) * N + n] += dc;
                    }
                    for (int i = 0; i < W; ++i) {
                        du[(row + t) * D + d0 + i] = to_driven[i] * st[i] + gt[i] * skip[g * D + d0 + i];
                        ddelta[(row + t) * D + d0 + i] = to_step[i] + to_driven[i] * ut[i];
                        dskip[g * D + d0 + i] += gt[i] * ut[i];
                    }
                }
            }
}
