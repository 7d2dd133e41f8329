// How fast the engine takes ranges of one object from a server, and what that costs this process.
//
//   http_bench URL SIZE_BYTES [RANGE_BYTES [TRANSFERS_AT_ONCE [CA_FILE]]]
//
// For nginx on loopback, which the figures in the design were taken with:
//   truncate -s 1G /dev/shm/1g && nginx with `sendfile on; location / { root /dev/shm; }`

#include <sys/resource.h>

#include <cstdio>
#include <cstring>
#include <latch>
#include <memory>
#include <vector>

#include "stsfs/base/text.h"
#include "stsfs/http/engine.h"

namespace stsfs::http {
namespace {

/// Copies to where a cache would.
class CopyingSink final : public Sink {
 public:
  explicit CopyingSink(std::size_t size) : buffer_(size) {}
  void rewind() { used_ = 0; }
  Result<void> begin(const ResponseHead& head) override {
    if (head.status != 206) return fail(Errc::kProtocol, "the server does not do ranges");
    return {};
  }
  Result<void> write(std::span<const std::byte> bytes) override {
    if (used_ + bytes.size() > buffer_.size()) return fail(Errc::kTooLarge, "more than asked");
    memcpy(buffer_.data() + used_, bytes.data(), bytes.size());
    used_ += bytes.size();
    return {};
  }

 private:
  std::vector<std::byte> buffer_;
  std::size_t used_ = 0;
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Run {
 public:
  Run(Engine& engine, std::string url, std::uint64_t size, std::uint64_t range, int at_once)
      : engine_(engine), url_(std::move(url)), size_(size), range_(range), ended_(at_once) {
    for (int i = 0; i < at_once; ++i) lanes_.push_back({std::make_unique<CopyingSink>(range), {}});
  }

  int measure() {
    const auto begun = std::chrono::steady_clock::now();
    const double cpu_before = cpu_seconds();
    std::vector<Transfer> kicks;
    for (Lane& lane : lanes_)  // on the loop, where everything else of this happens
      kicks.push_back(engine_.after(std::chrono::milliseconds(0), [this, &lane] { next(lane); }));
    ended_.wait();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begun;
    const double cpu = cpu_seconds() - cpu_before;
    const auto bytes = static_cast<double>(size_);
    std::printf("%zu at once, ranges of %s: %.0f MB/s, %.2f CPU s/GiB, %.1f us CPU/request%s\n",
                lanes_.size(), human_bytes(range_).c_str(), bytes / 1e6 / time.count(),
                cpu / (bytes / (1 << 30)), cpu * 1e6 / (bytes / static_cast<double>(range_)),
                failed_ ? " (FAILED)" : "");
    return failed_ ? 1 : 0;
  }

 private:
  struct Lane {
    std::unique_ptr<CopyingSink> sink;
    Transfer transfer;
  };

  void next(Lane& lane) {
    if (offset_ >= size_ || failed_) return ended_.count_down();
    const std::uint64_t first = offset_;
    offset_ = std::min(size_, offset_ + range_);
    lane.sink->rewind();
    lane.transfer =
        engine_.start({.url = url_,
                       .headers = {{"Range", "bytes=" + std::to_string(first) + "-" +
                                                 std::to_string(offset_ - 1)}},
                       .sink = lane.sink.get(),
                       .deadline = Deadline::in(system_clock(), std::chrono::seconds(60))},
                      [this, &lane](Result<Response> response) {
                        if (!response)
                          std::fprintf(stderr, "%s\n", response.error().message.c_str());
                        if (!response) failed_ = true;
                        next(lane);
                      });
  }

  Engine& engine_;
  const std::string url_;
  const std::uint64_t size_;
  const std::uint64_t range_;
  std::uint64_t offset_ = 0;  // this and what follows: the loop's
  bool failed_ = false;
  std::vector<Lane> lanes_;
  std::latch ended_;
};

int run(int argc, char** argv) {
  const auto number = [&](int i, std::uint64_t otherwise) {
    return argc > i ? parse_size(argv[i]).value_or(0) : otherwise;
  };
  if (argc < 3 || number(2, 0) == 0 || number(3, 1) == 0 || number(4, 1) == 0) {
    std::fprintf(stderr, "usage: http_bench URL SIZE [RANGE [TRANSFERS [CA_FILE]]]\n");
    return 2;
  }
  auto engine = Engine::create({.ca_file = argc > 5 ? argv[5] : ""}, system_clock());
  if (!engine) {
    std::fprintf(stderr, "%s\n", engine.error().message.c_str());
    return 1;
  }
  return Run(**engine, argv[1], number(2, 0), number(3, 8 << 20), static_cast<int>(number(4, 4)))
      .measure();
}

}  // namespace
}  // namespace stsfs::http

int main(int argc, char** argv) { return stsfs::http::run(argc, argv); }
