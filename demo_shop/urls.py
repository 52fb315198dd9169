"""Addresses of the shop."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from demo_shop import views

urlpatterns = [
    path("", views.home, name="home"),
    path("department/<slug:slug>/", views.category, name="category"),
    path("search/", views.search, name="search"),
    path("product/<slug:slug>/", views.product, name="product"),
    path("cart/", views.show_cart, name="cart"),
    path("cart/<int:key>/add/", views.add_to_cart, name="add-to-cart"),
    path("cart/<int:key>/change/", views.change_cart, name="change-cart"),
    path("checkout/", views.checkout, name="checkout"),
    path("orders/", views.order_history, name="orders"),
    path("login/", views.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("register/", views.register, name="register"),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url="/static/shop/favicon.svg")),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("recs/", include("shop_recs.api.urls")),  # shop_recs 4: the API
]
