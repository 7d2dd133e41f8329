#pragma once

#include <curl/curl.h>

#include "stsfs/base/handle.h"

namespace stsfs::http {

inline void close_multi(CURLM* multi) { curl_multi_cleanup(multi); }
inline void close_share(CURLSH* share) { curl_share_cleanup(share); }

using CurlEasy = Handle<CURL, curl_easy_cleanup>;
using CurlMulti = Handle<CURLM, close_multi>;
using CurlShare = Handle<CURLSH, close_share>;
using CurlHeaders = Handle<curl_slist, curl_slist_free_all>;

}  // namespace stsfs::http
