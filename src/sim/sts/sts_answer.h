#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace stsfs::sim {

/// Why STS says no.
struct StsFailure {
  int status = 400;
  std::string code;
  std::string message;
};

template <class T>
using StsResult = tl::expected<T, StsFailure>;

/// The elements of an answer, in order: a name with a text, or with elements of its own.
struct StsElement {
  std::string name;
  std::string text = {};
  std::vector<StsElement> children = {};
};
using StsElements = std::vector<StsElement>;

enum class StsFormat { kJson, kXml };

struct StsBody {
  std::string content_type;
  std::string text;
};

/// `{"RequestId":…}` or `<AssumeRoleResponse>…`; `request_id` comes first.
StsBody render_answer(StsFormat format, std::string_view action, std::string_view request_id,
                      const StsElements& elements);
/// RequestId, HostId, Code, Message, Recommend.
StsBody render_failure(StsFormat format, const StsFailure& failure, std::string_view request_id,
                       std::string_view host);

}  // namespace stsfs::sim
